namespace KestrelKv.Protocol;

/// <summary>The optional members of a response.</summary>
[Flags]
public enum ResponseMembers
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>found</c>: whether the entry, or the requested part, existed.</summary>
    Found = 1,

    /// <summary><c>version</c>: the version of the entry or of the change.</summary>
    Version = 2,

    /// <summary><c>expires_at</c>: the expiry of the entry, or null.</summary>
    ExpiresAt = 4,

    /// <summary><c>old</c>: the old value, or null.</summary>
    Old = 8,
}

/// <summary>The entry in a response.</summary>
public readonly ref struct EntryText
{
    /// <summary>The members to write.</summary>
    public ResponseMembers Members { get; init; }

    /// <summary>Whether the entry, or the requested part, existed.</summary>
    public bool Found { get; init; }

    /// <summary>The version; 0 for none.</summary>
    public long Version { get; init; }

    /// <summary>The expiry as Unix time in milliseconds; 0 for never.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>The old value; empty for none.</summary>
    public ReadOnlySpan<byte> Old { get; init; }
}

/// <summary>Writes the response objects of functions, with the format of each in its comment.</summary>
public static class ResponseText
{
    /// <summary><c>{"obj": KEY, "val": VALUE[, "found": BOOL][, "version": V][, "expires_at": T]}</c>, of GET, MGET and INCR.</summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="value">The value's text; empty for <c>null</c>.</param>
    /// <param name="entry">The optional members.</param>
    public static void WriteValue(TextBuffer text, ReadOnlySpan<byte> keyText, ReadOnlySpan<byte> value, in EntryText entry)
    {
        text.Write("{\"obj\": "u8);
        text.Write(keyText);
        text.Write(", \"val\": "u8);
        text.Write(value.IsEmpty ? "null"u8 : value);
        WriteMembers(text, entry);
        text.Write("}"u8);
    }

    /// <summary>
    /// <c>{"obj": KEY, "response": "ok"[, "found": BOOL][, "version": V][, "expires_at": T][, "old": VALUE]}</c>, of PUT,
    /// DELETE, PATCH and EXPIRE.
    /// </summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="keyText">The key as a JSON string, with its quotes.</param>
    /// <param name="entry">The optional members.</param>
    public static void WriteOk(TextBuffer text, ReadOnlySpan<byte> keyText, in EntryText entry)
    {
        text.Write("{\"obj\": "u8);
        text.Write(keyText);
        text.Write(", \"response\": \"ok\""u8);
        WriteMembers(text, entry);
        text.Write("}"u8);
    }

    /// <summary><c>{"obj": KEY[, "val": VALUE][, "version": V][, "expires_at": T]}</c>, an entry of SCAN.</summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="key">The key's characters.</param>
    /// <param name="value">The value's text; empty if it is not included.</param>
    /// <param name="entry">The optional members.</param>
    public static void WriteListed(TextBuffer text, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in EntryText entry)
    {
        text.Write("{\"obj\": "u8);
        text.WriteString(key);
        if (!value.IsEmpty)
        {
            text.Write(", \"val\": "u8);
            text.Write(value);
        }
        WriteMembers(text, entry);
        text.Write("}"u8);
    }

    /// <summary><c>{"prefix": PREFIX, "keys": N}</c>, a group of SCAN.</summary>
    /// <param name="text">The buffer to write to.</param>
    /// <param name="prefix">The prefix that the keys of the group share, up to and including the delimiter.</param>
    /// <param name="keys">The number of keys in the group.</param>
    public static void WriteGroup(TextBuffer text, ReadOnlySpan<byte> prefix, long keys)
    {
        text.Write("{\"prefix\": "u8);
        text.WriteString(prefix);
        text.WriteMember(", \"keys\": "u8, keys);
        text.Write("}"u8);
    }

    private static void WriteMembers(TextBuffer text, in EntryText entry)
    {
        if (entry.Members.HasFlag(ResponseMembers.Found))
        {
            text.Write(", \"found\": "u8);
            text.WriteBoolean(entry.Found);
        }
        if (entry.Members.HasFlag(ResponseMembers.Version)) text.WriteMember(", \"version\": "u8, entry.Version);
        if (entry.Members.HasFlag(ResponseMembers.ExpiresAt))
        {
            text.Write(", \"expires_at\": "u8);
            text.WriteTime(entry.ExpiresAt);
        }
        if (entry.Members.HasFlag(ResponseMembers.Old))
        {
            text.Write(", \"old\": "u8);
            text.Write(entry.Old.IsEmpty ? "null"u8 : entry.Old);
        }
    }
}
