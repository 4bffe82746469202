/// x
public enum PageAudit {
  /// x
  public static func check(file: String) throws(LMDBError) {}
}
