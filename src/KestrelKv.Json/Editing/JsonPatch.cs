namespace KestrelKv.Json;

/// <summary>JSON Patch (RFC 6902).</summary>
public static class JsonPatch
{
    /// <summary>
    /// What keeps a JSON text from being a patch, for a person to read, naming the operation by its index; null where nothing
    /// does.
    /// </summary>
    /// <param name="patch">Valid JSON.</param>
    public static string? Check(ReadOnlySpan<byte> patch)
    {
        int start = JsonScan.SkipWhiteSpace(patch, 0);
        if (patch[start] != '[') return "a JSON Patch is an array of operations";

        var items = new ItemReader(patch, start);
        while (items.MoveNext())
        {
            string? fault = patch[items.ValueStart] == '{'
                ? Fault(PatchOperation.Read(patch, items.ValueStart))
                : "it is not an object";
            if (fault is not null) return $"operation {items.Index}: {fault}";
        }
        return null;
    }

    private static string? Fault(in PatchOperation operation)
    {
        if (operation.Repeated is { } repeated) return $"\"{repeated}\" is given twice";
        if (operation.Op.IsEmpty) return "\"op\" is missing";
        if (operation.Op[0] != '"') return "\"op\" is not a string";

        bool needsFrom = operation.NeedsFrom, needsValue = operation.NeedsValue;
        if (!needsFrom && !needsValue && !operation.Is("remove"u8))
            return "\"op\" is none of \"add\", \"remove\", \"replace\", \"move\", \"copy\" and \"test\"";
        if (needsValue && operation.Value.IsEmpty) return "\"value\" is missing";
        return CheckPointer("path", operation.Path) ?? (needsFrom ? CheckFrom(operation) : null);
    }

    private static string? CheckFrom(in PatchOperation operation)
    {
        if (CheckPointer("from", operation.From) is { } fault) return fault;
        if (!operation.Is("move"u8)) return null;

        var path = new PooledList<byte>(stackalloc byte[256]);
        var from = new PooledList<byte>(stackalloc byte[256]);
        JsonString.Unescape(operation.Path[1..^1], ref path);
        JsonString.Unescape(operation.From[1..^1], ref from);
        bool intoItself = path.Count > from.Count && path.Items.StartsWith(from.Items) && path.Items[from.Count] == '/';
        path.Dispose();
        from.Dispose();
        return intoItself ? "nothing can be moved into itself" : null;
    }

    private static string? CheckPointer(string member, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return $"\"{member}\" is missing";
        if (text[0] != '"') return $"\"{member}\" is not a string";

        var pointer = new PooledList<byte>(stackalloc byte[256]);
        JsonString.Unescape(text[1..^1], ref pointer);
        string? fault = JsonPointer.CheckSyntax(pointer.Items);
        pointer.Dispose();
        return fault is null ? null : $"\"{member}\" is not a JSON Pointer: {fault}";
    }
}
