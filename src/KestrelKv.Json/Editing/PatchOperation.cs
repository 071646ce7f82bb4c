using System.Text;

namespace KestrelKv.Json;

/// <summary>One operation of a JSON Patch, with members as spelled.</summary>
internal ref struct PatchOperation
{
    private const int ShownBytesMax = 64;

    /// <summary>The member as spelled, strings with quotes; empty if missing.</summary>
    public ReadOnlySpan<byte> Op { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> Path { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> From { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The first duplicate member; null for none.</summary>
    public string? Repeated { get; private set; }

    public readonly bool Is(ReadOnlySpan<byte> op) => JsonString.UnescapesTo(Op[1..^1], op);

    public readonly bool NeedsFrom => Is("move"u8) || Is("copy"u8);

    public readonly bool NeedsValue => Is("add"u8) || Is("replace"u8) || Is("test"u8);

    /// <summary>Reads the operation that starts at <paramref name="start"/>.</summary>
    public static PatchOperation Read(ReadOnlySpan<byte> patch, int start)
    {
        var operation = new PatchOperation();
        var items = new ItemReader(patch, start);
        while (items.MoveNext()) operation.Take(items.Name, patch[items.ValueStart..items.ValueEnd]);
        return operation;
    }

    /// <summary>Returns a quoted string of the patch for a message, truncated if long.</summary>
    public static string Shown(ReadOnlySpan<byte> quoted) => quoted.Length <= ShownBytesMax
        ? Encoding.UTF8.GetString(quoted)
        : $"{Encoding.UTF8.GetString(quoted[..ShownBytesMax])}...\"";

    private void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (JsonString.UnescapesTo(name, "op"u8)) Op = Once("op", Op, value);
        else if (JsonString.UnescapesTo(name, "path"u8)) Path = Once("path", Path, value);
        else if (JsonString.UnescapesTo(name, "from"u8)) From = Once("from", From, value);
        else if (JsonString.UnescapesTo(name, "value"u8)) Value = Once("value", Value, value);
    }

    private ReadOnlySpan<byte> Once(string name, ReadOnlySpan<byte> present, ReadOnlySpan<byte> value)
    {
        if (!present.IsEmpty) Repeated ??= name;
        return value;
    }
}
