namespace KestrelKv.Json;

/// <summary>One operation of a JSON Patch as it stands in the patch; no part of it is unescaped.</summary>
internal ref struct PatchOperation
{
    /// <summary>The member as it is spelled, strings with their quotes; empty where there is none.</summary>
    public ReadOnlySpan<byte> Op { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> Path { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> From { get; private set; }

    /// <inheritdoc cref="Op"/>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The member that is there more than once; null where none is.</summary>
    public string? Repeated { get; private set; }

    /// <summary>Whether the operation is of this name.</summary>
    public readonly bool Is(ReadOnlySpan<byte> op) => JsonString.StandsFor(Op[1..^1], op);

    public readonly bool NeedsFrom => Is("move"u8) || Is("copy"u8);

    public readonly bool NeedsValue => Is("add"u8) || Is("replace"u8) || Is("test"u8);

    /// <summary>Reads an object.</summary>
    /// <param name="patch">The patch.</param>
    /// <param name="start">Where the object begins in it.</param>
    public static PatchOperation Read(ReadOnlySpan<byte> patch, int start)
    {
        var operation = new PatchOperation();
        var items = new ItemReader(patch, start);
        while (items.MoveNext()) operation.Take(items.Name, patch[items.ValueStart..items.ValueEnd]);
        return operation;
    }

    private void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (JsonString.StandsFor(name, "op"u8)) Op = Once("op", Op, value);
        else if (JsonString.StandsFor(name, "path"u8)) Path = Once("path", Path, value);
        else if (JsonString.StandsFor(name, "from"u8)) From = Once("from", From, value);
        else if (JsonString.StandsFor(name, "value"u8)) Value = Once("value", Value, value);
    }

    private ReadOnlySpan<byte> Once(string name, ReadOnlySpan<byte> present, ReadOnlySpan<byte> value)
    {
        if (!present.IsEmpty) Repeated ??= name;
        return value;
    }
}
