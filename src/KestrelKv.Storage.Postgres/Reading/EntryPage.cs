using Npgsql;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>A row of <c>entries</c> in a page.</summary>
internal readonly record struct PageEntry(byte[] Key, byte[] Value, long Version, long ExpiresAt);

/// <summary>Consecutive entries in the order of their keys.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="IsCut">Whether the size of the values ended the page before the number of its entries did.</param>
internal readonly record struct EntryPage(List<PageEntry> Entries, bool IsCut)
{
    /// <summary>The maximum number of entries of a page.</summary>
    public const int EntriesMax = 1_000;

    /// <summary>The size of the values of a page, in bytes, which one more value may exceed: 4 MiB.</summary>
    public const long BytesMax = 4 * 1024 * 1024;

    /// <summary>
    /// Returns the statement that selects a page. Lengths are known without reading the values, so the subquery reads no value that the
    /// page cuts off. Each row has the number of rows without that cut.
    /// </summary>
    /// <param name="condition">The condition for entries.</param>
    /// <param name="direction">The order of keys: ASC or DESC.</param>
    /// <param name="parameter">The number of the parameter with the number of entries. The next one has the size of the values.</param>
    public static string Select(string condition, string direction, int parameter) =>
        $"""
        SELECT key, value, version, expires_at, matching FROM (
            SELECT *, count(*) OVER () AS matching, sum(octet_length(value)) OVER (ORDER BY key {direction}) - octet_length(value) AS before
            FROM (SELECT * FROM entries WHERE {condition} ORDER BY key {direction} LIMIT ${parameter}) AS page) AS sized
        WHERE before < ${parameter + 1} ORDER BY key {direction}
        """;

    public static async Task<EntryPage> ReadAsync(NpgsqlDataReader rows)
    {
        List<PageEntry> entries = [];
        long matching = 0;
        while (await rows.ReadAsync())
        {
            matching = rows.GetInt64(4);
            entries.Add(new(rows.GetFieldValue<byte[]>(0), rows.GetFieldValue<byte[]>(1), rows.GetInt64(2), rows.GetInt64(3)));
        }
        return new(entries, entries.Count < matching);
    }
}
