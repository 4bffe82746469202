/// What the tools wrote on machines of others, as it was published.
///
/// Of long rows and objects only what we ask for is here; all of that, in its own words, with its units. Uuids of zeros
/// are the publishers' masks.
enum Recorded {
  // github.com/utkuozdemir/nvidia_gpu_exporter, MIT.

  /// A divided H200, idle, driver 610.43.02: `internal/captures/linux-x86_64__nvidia-h200-mig__610.43.02.txt`, `idle :: query-gpu`.
  static let h200MIG = """
    index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
    0, GPU-00000000-0000-0000-0000-000000000000, NVIDIA H200, [N/A], 44 MiB, 143771 MiB, 130.44 W, 700.00 W, 40

    """
  /// Its processes, `idle :: query-compute-apps`: none.
  static let h200MIGProcesses = "gpu_uuid, pid, process_name, used_gpu_memory [MiB]\n"
  /// An L40S at work, driver 595.80: `internal/captures/linux-x86_64__nvidia-l40s__595.80.txt`, `load :: query-gpu`.
  static let l40s = """
    index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
    0, GPU-00000000-0000-0000-0000-000000000000, NVIDIA L40S, 9 %, 1235 MiB, 46068 MiB, 110.23 W, 350.00 W, 54

    """
  /// Two processes on it, `load :: query-compute-apps`.
  static let l40sProcesses = """
    gpu_uuid, pid, process_name, used_gpu_memory [MiB]
    GPU-00000000-0000-0000-0000-000000000000, 20037, ffmpeg, 538 MiB
    GPU-00000000-0000-0000-0000-000000000000, 20038, ffmpeg, 681 MiB

    """
  /// A desktop's card of 2021, driver 465.27: `samples/output_ubuntu_20.04_v465.27.txt`.
  static let rtx2080 = """
    index, uuid, name, utilization.gpu [%], memory.used [MiB], memory.total [MiB], power.draw [W], power.limit [W], temperature.gpu
    0, GPU-1937b558-347d-0f30-105b-893b98985668, NVIDIA GeForce RTX 2080 SUPER, 0 %, 344 MiB, 7979 MiB, 30.37 W, 250.00 W, 32

    """
  /// Its list, in the same file.
  static let rtx2080List =
    "GPU 0: NVIDIA GeForce RTX 2080 SUPER (UUID: GPU-1937b558-347d-0f30-105b-893b98985668)\n"
  /// The first two of eight H100 in seven parts each: `internal/exporter/testdata/list_gpus.txt`.
  static let h100MIGList = """
    GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-63d1e50a-b952-d15c-0740-12bc14859142)
      MIG 1g.10gb     Device  0: (UUID: MIG-4d0efb7d-0970-51d9-b761-0686be6b8af3)
      MIG 1g.10gb     Device  1: (UUID: MIG-7d8b2e8d-57ea-5fe3-83bc-2026e5cb10fb)
      MIG 1g.10gb     Device  2: (UUID: MIG-ec4af7a3-3539-5cc0-88d2-bf7439a67c4b)
      MIG 1g.10gb     Device  3: (UUID: MIG-ee5bffff-7058-50a9-9e23-132b98e61920)
      MIG 1g.10gb     Device  4: (UUID: MIG-6201bd07-6488-5d2c-bfc3-f2ce279e3e64)
      MIG 1g.10gb     Device  5: (UUID: MIG-b0483f2f-fdd4-5fea-bd1d-ef0eabb43261)
      MIG 1g.10gb     Device  6: (UUID: MIG-f9cebd56-fdb1-5f90-a05d-d4abf0512ae9)
    GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-7e7d2a20-56b8-3220-e75c-1f3185864bda)
      MIG 1g.10gb     Device  0: (UUID: MIG-9e577b56-8dad-58fa-9799-b034b7e42ec9)
      MIG 1g.10gb     Device  1: (UUID: MIG-ccc16071-140d-56e7-a906-540ad8b39bd5)
      MIG 1g.10gb     Device  2: (UUID: MIG-d9705e92-0f55-5b3e-a130-b89c5f7fe698)
      MIG 1g.10gb     Device  3: (UUID: MIG-c3cda6f5-fda3-5d9a-9dd1-c728d048900e)
      MIG 1g.10gb     Device  4: (UUID: MIG-1f55da33-371d-504f-97d2-ed39378dff63)
      MIG 1g.10gb     Device  5: (UUID: MIG-ca599e38-3282-5915-8df2-371b59e9d47d)
      MIG 1g.10gb     Device  6: (UUID: MIG-15f2fb26-60f2-57cd-a670-205da2ccddf5)

    """

  /// Two Radeon cards, one at work, under `gpu_data` (ROCm 7).
  ///
  /// github.com/incf-ai/gpu-notifier, `src/amd_smi.rs`, which states no licence. The numbers of power are the test's own
  /// there, so they are not here.
  static let radeonMetric =
    #"{"gpu_data":[{"gpu":0,"usage":{"gfx_activity":{"value":91,"unit":"%"},"umc_activity":{"value":66,"unit":"%"},"mm_activity":{"value":0,"unit":"%"},"vcn_activity":[{"value":0,"unit":"%"},"N/A","N/A","N/A"],"gfx_busy_inst":"N/A"},"temperature":{"edge":{"value":54,"unit":"C"},"hotspot":{"value":63,"unit":"C"},"mem":{"value":70,"unit":"C"}},"mem_usage":{"total_vram":{"value":30576,"unit":"MB"},"used_vram":{"value":20450,"unit":"MB"},"free_vram":{"value":10126,"unit":"MB"}}},{"gpu":1,"usage":{"gfx_activity":{"value":1,"unit":"%"},"umc_activity":{"value":0,"unit":"%"},"mm_activity":{"value":0,"unit":"%"},"vcn_activity":[{"value":0,"unit":"%"},"N/A","N/A","N/A"],"gfx_busy_inst":"N/A"},"temperature":{"edge":{"value":31,"unit":"C"},"hotspot":{"value":32,"unit":"C"},"mem":{"value":30,"unit":"C"}},"mem_usage":{"total_vram":{"value":32624,"unit":"MB"},"used_vram":{"value":57,"unit":"MB"},"free_vram":{"value":32567,"unit":"MB"}}}]}"#
  /// What limits one, from `amd-smi static --limit --json`: github.com/ROCm/amdsmi, `CHANGELOG.md`, MIT.
  static let radeonStatic =
    #"{"gpu_data":[{"gpu":0,"limit":{"ppt0":{"max_power_limit":{"value":203,"unit":"W"},"min_power_limit":{"value":0,"unit":"W"},"socket_power_limit":{"value":100,"unit":"W"}},"ppt1":{"max_power_limit":"N/A","min_power_limit":"N/A","socket_power_limit":"N/A"}}}]}"#
}
