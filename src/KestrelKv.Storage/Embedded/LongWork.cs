namespace KestrelKv.Storage.Embedded;

/// <summary>Estimates the work of operations on parts of values, and defines its limits under locks.</summary>
internal static class LongWork
{
    /// <summary>
    /// The maximum amount of JSON to read and write under a lock: 1 MiB, about 2 ms. Longer work runs on a copy of the value without
    /// locks.
    /// </summary>
    public const long BytesMax = 1024 * 1024;

    /// <summary>
    /// The maximum amount of JSON that a batch may read and write under its locks after too many conflicts
    /// (<see cref="EmbeddedStore.ConflictsMax"/>): 4 MiB, about 8 ms. Longer work is refused with <see cref="ResultStatus.Conflict"/>.
    /// </summary>
    public const long ContendedBytesMax = 4 * BytesMax;

    /// <summary>The minimum size of an operation in a JSON Patch, such as <c>{"op":"add","path":"/a","value":1}</c>, in bytes.</summary>
    private const int PatchOperationBytesMin = 24;

    /// <summary>Returns an upper bound of the bytes that an operation reads and writes; 0 for an operation on a whole value.</summary>
    public static long Of(in Operation operation, int valueBytes) => operation.Kind switch
    {
        OperationKind.JsonPatch => ((long)valueBytes + operation.Value.Length) * (1 + operation.Value.Length / PatchOperationBytesMin),
        OperationKind.Get or OperationKind.Put when operation.Path.IsEmpty => 0,
        OperationKind.Expire or OperationKind.Delete => 0,
        _ => (long)valueBytes + operation.Value.Length,
    };
}
