namespace KestrelKv.Json;

/// <summary>Validates JSON Patches (RFC 6902).</summary>
public static class JsonPatch
{
    private const string Operations = "\"add\", \"remove\", \"replace\", \"move\", \"copy\" or \"test\"";

    /// <summary>Returns the reason why a JSON text is not a patch, with the index of the operation; null if the text is one.</summary>
    /// <param name="patch">Valid JSON.</param>
    public static string? Check(ReadOnlySpan<byte> patch)
    {
        int start = JsonScan.SkipWhiteSpace(patch, 0);
        if (patch[start] != '[') return "the JSON Patch is not an array, expected an array of operations";

        var items = new ItemReader(patch, start);
        while (items.MoveNext())
        {
            string? fault = patch[items.ValueStart] == '{'
                ? Fault(PatchOperation.Read(patch, items.ValueStart))
                : "not an object, expected {\"op\": ..., \"path\": ...}";
            if (fault is not null) return $"operation {items.Index}: {fault}";
        }
        return null;
    }

    private static string? Fault(in PatchOperation operation)
    {
        if (operation.Repeated is { } repeated) return $"\"{repeated}\" is given twice";
        if (operation.Op.IsEmpty) return $"\"op\" is missing, expected {Operations}";
        if (operation.Op[0] != '"') return $"\"op\" is not a string, expected {Operations}";

        bool needsFrom = operation.NeedsFrom, needsValue = operation.NeedsValue;
        if (!needsFrom && !needsValue && !operation.Is("remove"u8))
            return $"\"op\" is {PatchOperation.Shown(operation.Op)}, expected {Operations}";
        if (needsValue && operation.Value.IsEmpty) return "\"value\" is missing, expected any JSON value";
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
        return intoItself ? "\"path\" is inside \"from\": a value cannot be moved into itself" : null;
    }

    private static string? CheckPointer(string member, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return $"\"{member}\" is missing, expected a JSON Pointer";
        if (text[0] != '"') return $"\"{member}\" is not a string, expected a JSON Pointer";

        var pointer = new PooledList<byte>(stackalloc byte[256]);
        JsonString.Unescape(text[1..^1], ref pointer);
        string? fault = JsonPointer.CheckSyntax(pointer.Items);
        pointer.Dispose();
        return fault is null ? null : $"\"{member}\": {fault}";
    }
}
