namespace KestrelKv.Storage.Embedded;

/// <summary>How much work an operation on a part of a value is, and how much of it may be done under a lock.</summary>
internal static class LongWork
{
    /// <summary>
    /// Bytes of JSON that may be read and written under a lock: 1 MiB, about 2 ms. Longer work runs on a copy of the value without
    /// locks.
    /// </summary>
    public const long BytesMax = 1024 * 1024;

    /// <summary>
    /// Bytes of JSON that a batch may read and write under its locks after too many conflicts (<see cref="EmbeddedStore.ConflictsMax"/>):
    /// 4 MiB, about 8 ms. More work is refused as <see cref="ResultStatus.Conflict"/>.
    /// </summary>
    public const long ContendedBytesMax = 4 * BytesMax;

    /// <summary>The bytes that a single operation in a JSON Patch takes at least, such as <c>{"op":"add","path":"/a","value":1}</c>.</summary>
    private const int PatchOperationBytesMin = 24;

    /// <summary>An upper bound of the bytes that an operation reads and writes, apart from whole values.</summary>
    public static long Of(in Operation operation, int valueBytes) => operation.Kind switch
    {
        OperationKind.JsonPatch => ((long)valueBytes + operation.Value.Length) * (1 + operation.Value.Length / PatchOperationBytesMin),
        OperationKind.Get or OperationKind.Put when operation.Path.IsEmpty => 0,
        OperationKind.Expire or OperationKind.Delete => 0,
        _ => (long)valueBytes + operation.Value.Length,
    };
}
