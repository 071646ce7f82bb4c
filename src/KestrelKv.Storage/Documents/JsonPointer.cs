namespace KestrelKv.Storage.Documents;

/// <summary>JSON Pointers (RFC 6901).</summary>
public static class JsonPointer
{
    /// <summary>What is wrong with the text of a pointer; null where nothing is.</summary>
    public static string? Check(ReadOnlySpan<byte> path) => throw new NotImplementedException();

    /// <summary>Finds the part of a document that a path leads to: of members of one name the last one.</summary>
    /// <param name="document">Valid JSON.</param>
    /// <param name="path">A pointer that <see cref="Check"/> finds nothing wrong with.</param>
    /// <param name="part">Its exact text, without the white space around it.</param>
    public static bool TryFind(ReadOnlySpan<byte> document, ReadOnlySpan<byte> path, out ReadOnlySpan<byte> part) => throw new NotImplementedException();
}
