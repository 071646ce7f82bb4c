using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer;

/// <summary>Writes the operations of a BATCH. Expiries are absolute times.</summary>
internal static class BatchText
{
    public static ReadOnlySpan<byte> Separator => ", "u8;

    public static void Put(ByteText to, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ReadOnlySpan<byte> expiresAt)
    {
        Separate(to);
        to.Add("{\"func\": \"PUT\", \"params\": {\"obj\": "u8).Add(key).Add(", \"val\": "u8).Add(value);
        if (!expiresAt.IsEmpty && !expiresAt.SequenceEqual("null"u8)) to.Add(", \"expires_at\": "u8).Add(expiresAt);
        to.Add("}}"u8);
    }

    public static void Delete(ByteText to, ReadOnlySpan<byte> key)
    {
        Separate(to);
        to.Add("{\"func\": \"DELETE\", \"params\": {\"obj\": "u8).Add(key).Add("}}"u8);
    }

    /// <param name="to">The text.</param>
    /// <param name="key">The key, a JSON string with quotes.</param>
    /// <param name="expiresAt">The expiry, or <c>null</c>.</param>
    public static void Expire(ByteText to, ReadOnlySpan<byte> key, ReadOnlySpan<byte> expiresAt)
    {
        Separate(to);
        to.Add("{\"func\": \"EXPIRE\", \"params\": {\"obj\": "u8).Add(key).Add(", \"expires_at\": "u8).Add(expiresAt).Add("}}"u8);
    }

    /// <summary>Writes a change of a watch.</summary>
    public static void Change(ByteText to, scoped in EntrySlice change)
    {
        if (change.IsPut) Put(to, change.Key, change.Value, change.ExpiresAt);
        else if (change.IsSetExpiry) Expire(to, change.Key, change.ExpiresAt);
        else Delete(to, change.Key);
    }

    /// <summary>Writes the comma before an operation that is not the first one.</summary>
    public static void Separate(ByteText to)
    {
        if (to.Length > 0) to.Add(Separator);
    }
}
