using System.Buffers.Text;
using System.Text.Json;
using KestrelKv.Json;

namespace KestrelKv.Cli.Scanning;

/// <summary>An entry of a page, or a change of a watch. The texts are slices of the reply, as spelled; empty if the reply lacks them.</summary>
internal ref struct EntrySlice
{
    /// <summary>The key, a JSON string with quotes.</summary>
    public ReadOnlySpan<byte> Key;

    public ReadOnlySpan<byte> Value;
    public ReadOnlySpan<byte> Version;
    public ReadOnlySpan<byte> ExpiresAt;
    public ReadOnlySpan<byte> Kind;

    /// <summary>The key in UTF-8, without quotes and escapes.</summary>
    public readonly ReadOnlySpan<byte> KeyBytes => EntryReader.Unquote(Key);

    public readonly long VersionNumber => EntryReader.Number(Version);

    public readonly bool IsPut => Kind.IsEmpty || Kind.SequenceEqual("\"put\""u8);

    public readonly bool IsSetExpiry => Kind.SequenceEqual("\"set_expiry\""u8);
}

/// <summary>Reads the entries of a SCAN, or the changes of a watch, one by one: <c>{"entries": [...], "next": ..., "version": ...}</c>.</summary>
internal ref struct EntryReader
{
    private JsonCursor _cursor;
    private bool _hasBegun;
    private bool _isInList;

    public EntryReader(ReadOnlySpan<byte> response) => _cursor = new(response, JsonCursor.ReplyDepthMax);

    /// <summary>The version of the reply. Complete when <see cref="TryRead"/> has returned false.</summary>
    public long Version { get; private set; }

    /// <summary>Reads the next entry.</summary>
    /// <exception cref="JsonException">The reply is not what PROTOCOL.md states.</exception>
    public bool TryRead(out EntrySlice entry)
    {
        entry = default;
        if (!_hasBegun) _cursor.Take((byte)'{');
        _hasBegun = true;
        while (true)
        {
            if (_isInList && !_cursor.TryTake((byte)']'))
            {
                _cursor.TryTake((byte)',');
                entry = ReadEntry();
                return true;
            }
            if (_isInList) _isInList = false;
            else if (_cursor.TryTake((byte)'}')) return false;
            _cursor.TryTake((byte)',');
            if (_cursor.TryTake((byte)'}')) return false;
            ReadMember();
        }
    }

    public static long Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long number, out int used) && used == text.Length ? number : 0;

    /// <summary>Returns the characters of a JSON string in UTF-8. They are copied only if the string has escapes.</summary>
    public static ReadOnlySpan<byte> Unquote(ReadOnlySpan<byte> text) =>
        text.Contains((byte)'\\') && JsonString.TryUnescape(text[1..^1], out byte[] characters) ? characters : text[1..^1];

    private void ReadMember()
    {
        ReadOnlySpan<byte> name = _cursor.TakeName();
        if (name.SequenceEqual("entries"u8) || name.SequenceEqual("changes"u8))
        {
            _cursor.Take((byte)'[');
            _isInList = true;
            return;
        }
        ReadOnlySpan<byte> value = _cursor.TakeValue();
        if (name.SequenceEqual("version"u8)) Version = Number(value);
    }

    private EntrySlice ReadEntry()
    {
        var entry = new EntrySlice();
        _cursor.Take((byte)'{');
        while (!_cursor.TryTake((byte)'}'))
        {
            _cursor.TryTake((byte)',');
            ReadOnlySpan<byte> name = _cursor.TakeName();
            ReadOnlySpan<byte> value = _cursor.TakeValue();
            if (name.SequenceEqual("obj"u8)) entry.Key = value;
            else if (name.SequenceEqual("val"u8)) entry.Value = value;
            else if (name.SequenceEqual("version"u8)) entry.Version = value;
            else if (name.SequenceEqual("expires_at"u8)) entry.ExpiresAt = value;
            else if (name.SequenceEqual("kind"u8)) entry.Kind = value;
        }
        return entry;
    }
}
