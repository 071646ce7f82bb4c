using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Scanning;
using KestrelKv.Json;

namespace KestrelKv.Cli.Transfer.Import;

internal enum LineKind
{
    Blank,
    Header,
    Changes,
    End,
    Put,
    SetExpiry,
    Delete,
}

/// <summary>A line of an import. The texts are slices of the line, as spelled.</summary>
internal ref struct ImportLine
{
    private const long YearMax = 253_402_300_800;

    public LineKind Kind;

    /// <summary>The key, a JSON string with quotes.</summary>
    public ReadOnlySpan<byte> Key;

    /// <summary>The key in UTF-8.</summary>
    public ReadOnlySpan<byte> KeyBytes;

    public ReadOnlySpan<byte> Value;

    /// <summary>The expiry; empty or <c>null</c> for none.</summary>
    public ReadOnlySpan<byte> ExpiresAt;

    /// <summary>The expiry in seconds since 1970; infinite for none.</summary>
    public double Expiry;

    /// <summary>The object of a header or an end.</summary>
    public ReadOnlySpan<byte> Object;

    /// <summary>Parses and checks a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="limits">The limits.</param>
    /// <exception cref="JsonException">The line is invalid. The message states why.</exception>
    public static ImportLine Parse(ReadOnlySpan<byte> line, in ImportLimits limits)
    {
        var parsed = new ImportLine { Expiry = double.PositiveInfinity };
        var cursor = new JsonCursor(line, limits.DepthMax);
        if (cursor.IsAtEnd) return parsed;
        cursor.Take((byte)'{');
        ReadOnlySpan<byte> found = default, deleted = default, text = default;
        int members = 0;
        for (; !cursor.TryTake((byte)'}'); members++)
        {
            if (members > 0) cursor.Take((byte)',');
            ReadOnlySpan<byte> name = cursor.TakeName(), value = cursor.TakeValue();
            if (name.SequenceEqual("key"u8)) SetOnce(ref parsed.Key, name, value);
            else if (name.SequenceEqual("value"u8)) SetOnce(ref parsed.Value, name, value);
            else if (name.SequenceEqual("text"u8)) SetOnce(ref text, name, value);
            else if (name.SequenceEqual("expires_at"u8)) SetOnce(ref parsed.ExpiresAt, name, value);
            else if (name.SequenceEqual("deleted"u8)) SetOnce(ref deleted, name, value);
            else if (name.SequenceEqual("found"u8)) SetOnce(ref found, name, value);
            else if (name.SequenceEqual("export"u8)) parsed.SetMark(LineKind.Header, value);
            else if (name.SequenceEqual("changes"u8)) parsed.SetMark(LineKind.Changes, value);
            else if (name.SequenceEqual("end"u8)) parsed.SetMark(LineKind.End, value);
            else if (!name.SequenceEqual("version"u8))
                throw new JsonException(
                    $"The member \"{Encoding.UTF8.GetString(name)}\" is unknown, expected key, value, text, version, expires_at or deleted");
        }
        if (!cursor.IsAtEnd) throw new JsonException("Further text follows the object, expected one object on the line");
        if (!cursor.IsUtf8) throw new JsonException("The line has invalid bytes, expected UTF-8");
        if (parsed.Kind != LineKind.Blank)
        {
            if (members > 1) throw new JsonException("The member export, changes or end is given with others, expected it alone on its line");
            return parsed;
        }
        if (!text.IsEmpty) parsed.SetText(text, limits.DepthMax);
        parsed.CheckKey(limits);
        parsed.ReadExpiry();
        parsed.SetKind(deleted, found);
        return parsed;
    }

    private void SetMark(LineKind kind, ReadOnlySpan<byte> value)
    {
        if (value[0] != '{') throw new JsonException($"The member export, changes or end is {Encoding.UTF8.GetString(value)}, expected an object");
        Kind = kind;
        Object = value;
    }

    private static void SetOnce(ref ReadOnlySpan<byte> member, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (!member.IsEmpty) throw new JsonException($"The member \"{Encoding.UTF8.GetString(name)}\" is given twice, expected once");
        member = value;
    }

    /// <summary>Takes a value that is given as text, because it has line breaks.</summary>
    private void SetText(ReadOnlySpan<byte> text, int depthMax)
    {
        if (!Value.IsEmpty) throw new JsonException("Both value and text are given, expected one of them");
        if (text[0] != '"' || !JsonString.TryUnescape(text[1..^1], out byte[] value))
            throw new JsonException("The member \"text\" is invalid, expected a string of valid Unicode");
        var cursor = new JsonCursor(value, depthMax);
        Value = cursor.TakeValue();
        if (!cursor.IsAtEnd) throw new JsonException("The member \"text\" is invalid, expected one JSON value in a string");
    }

    private void CheckKey(in ImportLimits limits)
    {
        if (Key.IsEmpty) throw new JsonException("The member \"key\" is missing, expected a string");
        if (Key[0] != '"') throw new JsonException($"The key is {Encoding.UTF8.GetString(Key)}, expected a string");
        KeyBytes = Key[1..^1];
        if (KeyBytes.Contains((byte)'\\'))
        {
            if (!JsonString.TryUnescape(KeyBytes, out byte[] unescaped))
                throw new JsonException("The key has a lone surrogate, expected valid Unicode");
            KeyBytes = unescaped;
        }
        if (KeyBytes.IsEmpty) throw new JsonException($"The key is empty, expected 1 to {limits.KeyBytesMax} bytes of UTF-8");
        if (KeyBytes.Length > limits.KeyBytesMax)
            throw new JsonException($"The key has {KeyBytes.Length} bytes of UTF-8, expected at most {limits.KeyBytesMax} (KeyBytesMax, the " +
                $"server's Limits:KeyBytesMax)");
    }

    private void ReadExpiry()
    {
        if (ExpiresAt.IsEmpty || ExpiresAt.SequenceEqual("null"u8)) return;
        if (!Utf8Parser.TryParse(ExpiresAt, out Expiry, out int used) || used != ExpiresAt.Length || Math.Abs(Expiry) >= YearMax)
            throw new JsonException($"expires_at is {Encoding.UTF8.GetString(ExpiresAt)}, expected seconds since 1970 up to the year 9999, or null");
    }

    private void SetKind(ReadOnlySpan<byte> deleted, ReadOnlySpan<byte> found)
    {
        bool isDeleted = deleted.SequenceEqual("true"u8);
        if (!found.IsEmpty && !found.SequenceEqual("true"u8)) throw new JsonException("The entry was not found, expected an entry with a value");
        if (!deleted.IsEmpty && !isDeleted) throw new JsonException($"deleted is {Encoding.UTF8.GetString(deleted)}, expected true");
        if (isDeleted && !Value.IsEmpty) throw new JsonException("Both deleted and value are given, expected one of them");
        if (!isDeleted && Value.IsEmpty && ExpiresAt.IsEmpty)
            throw new JsonException("The member \"value\" is missing, expected value, text, expires_at or deleted");
        Kind = isDeleted ? LineKind.Delete : Value.IsEmpty ? LineKind.SetExpiry : LineKind.Put;
    }
}

/// <summary>The limits of the server that lines are checked against.</summary>
/// <param name="KeyBytesMax">The maximum length of a key, in bytes of UTF-8.</param>
/// <param name="DepthMax">The maximum nesting of a value.</param>
/// <param name="RequestBytesMax">The maximum length of a request.</param>
internal readonly record struct ImportLimits(int KeyBytesMax, int DepthMax, int RequestBytesMax);
