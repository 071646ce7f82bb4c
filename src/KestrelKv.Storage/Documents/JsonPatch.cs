namespace KestrelKv.Storage.Documents;

/// <summary>JSON Patch (RFC 6902).</summary>
public static class JsonPatch
{
    /// <summary>What keeps a JSON text from being a patch, for a person to read, naming the operation by its index; null where nothing does.</summary>
    /// <param name="patch">Valid JSON.</param>
    public static string? Check(ReadOnlySpan<byte> patch) => throw new NotImplementedException();
}
