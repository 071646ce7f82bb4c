namespace KestrelKv.Storage.Postgres;

/// <summary>The newest row of <c>commits</c>: the state of the store after a write group. The default is that of an empty store.</summary>
/// <param name="Version">The last version of the group.</param>
/// <param name="Id">A random id. Two histories never have the same id at the same version.</param>
/// <param name="Keys">The number of entries, as in <see cref="StoreStats.Keys"/>.</param>
/// <param name="Bytes">Their size, as in <see cref="StoreStats.Bytes"/>.</param>
/// <param name="RequestIds">The number of idempotency records.</param>
/// <param name="Clock">The time of the group, in milliseconds of Unix time. It never decreases.</param>
internal readonly record struct CommitRow(long Version, Guid Id, long Keys, long Bytes, long RequestIds, long Clock)
{
    /// <summary>Selects the newest row, with the columns in the order of the parameters.</summary>
    public const string Newest =
        "SELECT last_version, id, keys, bytes, request_ids, clock FROM commits ORDER BY last_version DESC LIMIT 1";
}
