/// What the tools write, in their own formats, with numbers of machines that differ in what they know: nobody has recorded a machine
/// that says all of it.
enum Composed {
  /// Two whole GPUs under load; driver 550.
  static let h100 = """
    index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
    0, GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, NVIDIA H100 80GB HBM3, 87, 61203, 81559, 541.27, 700.00, 64
    1, GPU-b7a1c0de-7f5c-6c0d-2f60-0b4f8a2b6c22, NVIDIA H100 80GB HBM3, 0, 4, 81559, 68.90, 700.00, 31

    """
  static let h100Processes = """
    gpu_uuid, pid, process_name, used_gpu_memory [MiB]
    GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, 4711, /opt/vllm/bin/python3, 60100
    GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, 9120, /usr/bin/ffmpeg, with, commas, 1080

    """
  static let h100List = """
    GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11)
    GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-b7a1c0de-7f5c-6c0d-2f60-0b4f8a2b6c22)

    """

  /// A divided GPU tells no busyness, and a desktop card no power.
  static let mig = """
    index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
    0, GPU-c08d91cb-e324-655c-71ba-7570956445bc, NVIDIA A100-SXM4-80GB, [N/A], 39470, 81920, 112.64, 400.00, 38
    1, GPU-9f0cc172-1db7-8b47-7302-fa9b2ade0c7b, Quadro K620, [Not Supported], 211, 2000, [Not Supported], [Not Supported], 46
    2, GPU-5a6ef5fb-e69b-5021-a35e-ad1781308f59, Tesla T4, ERR!, [Unknown Error], [GPU requires reset], [N/A], N/A, [Insufficient Permissions]

    """
  static let migList = """
    GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-c08d91cb-e324-655c-71ba-7570956445bc)
      MIG 3g.40gb     Device  0: (UUID: MIG-c788539f-c1ea-5a36-8b4d-9b07d024b1bb)
      MIG 1g.10gb     Device  1: (UUID: MIG-405bbda1-6b05-535f-9702-f95e8cd170ce)
      MIG 1g.10gb     Device  2: (UUID: MIG-df7e5a27-eeea-51a0-9055-b36d5a552879)
    GPU 1: Quadro K620 (UUID: GPU-9f0cc172-1db7-8b47-7302-fa9b2ade0c7b)
    GPU 2: Tesla T4 (UUID: GPU-5a6ef5fb-e69b-5021-a35e-ad1781308f59)

    """
  /// In a container the numbers are of another namespace, and names are not found.
  static let containerProcesses = """
    gpu_uuid, pid, process_name, used_gpu_memory [MiB]
    GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11, 5930, [Not Found], 60208
    GPU-b7a1c0de-7f5c-6c0d-2f60-0b4f8a2b6c22, 50579, python3, [N/A]

    """

  /// ROCm 6: a list of objects; an idle GPU has no process.
  static let rocm6List =
    #"[{"gpu":0,"bdf":"0000:c1:00.0","uuid":"efff74a1-0000-1000-806b-5a8d4f1a0b11","kfd_id":23018,"node_id":1,"partition_id":0},{"gpu":1,"bdf":"0000:c6:00.0","uuid":"71ff74a1-0000-1000-809e-0c1ef2b0aa22","kfd_id":29122,"node_id":2,"partition_id":0}]"#
  static let rocm6Static =
    #"[{"gpu":0,"asic":{"market_name":"AMD Instinct MI300X","vendor_id":"0x1002","asic_serial":"0xEF6B5A8D4F1A0B11"},"bus":{"bdf":"0000:c1:00.0"},"limit":{"max_power":{"value":750,"unit":"W"},"socket_power":{"value":650,"unit":"W"}},"partition":{"compute_partition":"SPX","memory_partition":"NPS1","partition_id":0}},{"gpu":1,"asic":{"market_name":"AMD Instinct MI300X"},"limit":"N/A","partition":"N/A"}]"#
  static let rocm6Metric =
    #"[{"gpu":0,"usage":{"gfx_activity":{"value":87,"unit":"%"},"umc_activity":{"value":41,"unit":"%"},"mm_activity":"N/A"},"power":{"socket_power":{"value":542,"unit":"W"},"gfx_voltage":"N/A"},"temperature":{"edge":"N/A","hotspot":{"value":71,"unit":"C"},"mem":{"value":52,"unit":"C"}},"mem_usage":{"total_vram":{"value":196592,"unit":"MB"},"used_vram":{"value":121344,"unit":"MB"}}},{"gpu":1,"usage":"N/A","power":{"socket_power":"N/A"},"temperature":{"edge":{"value":33,"unit":"C"},"hotspot":"N/A"},"mem_usage":"N/A"}]"#
  static let rocm6Processes =
    #"[{"gpu":0,"process_list":[{"process_info":{"name":"python3","pid":4711,"memory_usage":{"gtt_mem":{"value":2097152,"unit":"B"},"cpu_mem":{"value":0,"unit":"B"},"vram_mem":{"value":127238406144,"unit":"B"}},"cu_occupancy":12}},{"process_info":{"name":"N/A","pid":"9120","memory_usage":{"vram_mem":"N/A"}}}]},{"gpu":1,"process_list":[{"process_info":"No running processes detected"}]}]"#
  /// ROCm 7: under `gpu_data`; a GPU in four parts, of which the later ones tell little.
  static let rocm7Metric =
    #"{"gpu_data":[{"gpu":0,"usage":{"gfx_activity":{"value":12,"unit":"%"}},"power":{"socket_power":{"value":231,"unit":"W"}},"temperature":{"hotspot":{"value":44,"unit":"C"}},"mem_usage":{"total_vram":{"value":73728,"unit":"MB"},"used_vram":{"value":1,"unit":"GB"}}},{"gpu":1,"usage":"N/A","power":"N/A","temperature":"N/A","mem_usage":{"total_vram":{"value":73728,"unit":"MB"},"used_vram":{"value":0,"unit":"MB"}}}]}"#
  static let rocm7Static =
    #"{"gpu_data":[{"gpu":0,"asic":{"market_name":"AMD Instinct MI355X"},"limit":{"ppt0":{"max_power_limit":{"value":1400,"unit":"W"},"socket_power_limit":{"value":1400,"unit":"W"}}},"partition":{"accelerator_partition":"QPX","memory_partition":"NPS2","partition_id":"0"}},{"gpu":1,"asic":{"market_name":"N/A"},"limit":"N/A","partition":{"accelerator_partition":"N/A","memory_partition":"N/A"}}]}"#
  static let rocm7List =
    #"[{"gpu":0,"uuid":"aaff75a0-0000-1000-80aa-000000000011","partition_id":0},{"gpu":1,"uuid":"aaff75a0-0000-1000-80aa-000000000012","partition_id":1}]"#
}
