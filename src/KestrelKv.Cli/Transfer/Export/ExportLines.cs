using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer.Export;

/// <summary>Writes the lines of an export: see TRANSFER.md.</summary>
/// <param name="hasExpiry">Whether the lines have the expiries of the entries.</param>
internal sealed class ExportLines(bool hasExpiry)
{
    /// <summary>The version of the format.</summary>
    public const int Format = 1;

    private static readonly SearchValues<byte> LineBreaks = SearchValues.Create("\r\n"u8);

    /// <summary>The beginning of the line that separates the entries from the changes.</summary>
    public static ReadOnlySpan<byte> ChangesStart => "{\"changes\":"u8;

    /// <summary>Writes the first line. Changes after its version follow the entries.</summary>
    public void Header(ByteText to, ReadOnlySpan<byte> prefix, long version)
    {
        to.Add("{\"export\":{\"format\":"u8).Add(Format).Add(",\"prefix\":"u8).Add(prefix).Add(",\"version\":"u8).Add(version);
        to.Add(hasExpiry ? ",\"expiry\":true}}\n"u8 : ",\"expiry\":false}}\n"u8);
    }

    /// <summary>Whether a line is the header of an export with the same prefix and options, at any version.</summary>
    public bool IsHeader(ReadOnlySpan<byte> line, ReadOnlySpan<byte> prefix)
    {
        ReadOnlySpan<byte> name = "\"version\":"u8;
        int at = line.LastIndexOf(name);
        if (at < 0 || !Utf8Parser.TryParse(line[(at + name.Length)..], out long version, out _)) return false;
        var header = new ByteText(1_024);
        Header(header, prefix, version);
        return line.SequenceEqual(header.Span[..^1]);
    }

    /// <summary>Writes an entry, or a put.</summary>
    public void Entry(ByteText to, scoped in EntrySlice entry)
    {
        to.Add("{\"key\":"u8).Add(entry.Key);
        if (!entry.Value.ContainsAny(LineBreaks)) to.Add(",\"value\":"u8).Add(entry.Value);
        else AddText(to, entry.Value);
        to.Add(",\"version\":"u8).Add(entry.Version);
        if (hasExpiry) to.Add(",\"expires_at\":"u8).Add(entry.ExpiresAt);
        to.Add("}\n"u8);
    }

    /// <summary>Writes a change of a watch.</summary>
    /// <param name="to">The text.</param>
    /// <param name="change">The change.</param>
    /// <param name="current">The entry after a change of its expiry, if it has not changed since; otherwise null.</param>
    public void Change(ByteText to, scoped in EntrySlice change, CurrentEntry? current)
    {
        if (change.IsPut)
        {
            Entry(to, change);
            return;
        }
        if (current is not null && hasExpiry)
        {
            Entry(to, new() { Key = change.Key, Value = current.Value, Version = change.Version, ExpiresAt = current.ExpiresAt });
            return;
        }
        if (change.IsSetExpiry && !hasExpiry) return;
        to.Add("{\"key\":"u8).Add(change.Key);
        if (change.IsSetExpiry) to.Add(",\"version\":"u8).Add(change.Version).Add(",\"expires_at\":"u8).Add(change.ExpiresAt);
        else to.Add(",\"deleted\":true,\"version\":"u8).Add(change.Version);
        to.Add("}\n"u8);
    }

    /// <summary>Writes the line after the last entry.</summary>
    public static void Changes(ByteText to, long version) => to.Add(ChangesStart).Add("{\"version\":"u8).Add(version).Add("}}\n"u8);

    /// <summary>Writes the last line.</summary>
    public static void End(ByteText to, long version, long entries, long changes) =>
        to.Add("{\"end\":{\"version\":"u8).Add(version).Add(",\"entries\":"u8).Add(entries).Add(",\"changes\":"u8).Add(changes).Add("}}\n"u8);

    /// <summary>Writes a value with line breaks as a text, so that each entry remains one line.</summary>
    private static void AddText(ByteText to, ReadOnlySpan<byte> value) =>
        to.Add(",\"text\":\""u8).Add(JsonEncodedText.Encode(value, EntryJson.Options.Encoder).EncodedUtf8Bytes).Add("\""u8);
}
