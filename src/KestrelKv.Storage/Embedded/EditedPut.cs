using System.Buffers;
using KestrelKv.Json;

namespace KestrelKv.Storage.Embedded;

/// <summary>Makes an edit (<see cref="Operation.IsEdit"/>) what it comes to: the put of a whole value with its expiry.</summary>
internal sealed class EditedPut
{
    /// <summary>Larger buffers are not kept.</summary>
    private const int KeptBytesMax = 1024 * 1024;

    [ThreadStatic]
    private static EditedPut? ofThread;

    private ArrayBufferWriter<byte> _document = new();
    private ArrayBufferWriter<byte> _old = new();

    /// <summary>The calling thread's own.</summary>
    public static EditedPut OfThread => ofThread ??= new();

    /// <summary>Resolves an edit.</summary>
    /// <param name="edit">The edit.</param>
    /// <param name="exists">Whether there is an entry.</param>
    /// <param name="value">Its value.</param>
    /// <param name="expiresAt">Its expiry.</param>
    /// <param name="limits">What the value may become.</param>
    /// <param name="put">What it comes to, if it can be done. Its value is valid until the next call.</param>
    public EditResult Resolve(
        in Operation edit, bool exists, ReadOnlySpan<byte> value, long expiresAt, DocumentLimits limits, out Operation put)
    {
        Clear(ref _document);
        EditResult result = Edits.Apply(edit, exists, value, limits, _document);
        put = result.Status == EditStatus.Done
            ? Operation.Put(edit.Key, _document.WrittenMemory, edit.KeepsExpiry ? expiresAt : edit.ExpiresAt) with
            {
                ReturnsOld = edit.ReturnsOld, AcknowledgeFromMemory = edit.AcknowledgeFromMemory,
            }
            : default;
        return result;
    }

    /// <summary>A copy of a value that is about to be overwritten, valid until the next call.</summary>
    public ReadOnlySpan<byte> Keep(ReadOnlySpan<byte> old)
    {
        Clear(ref _old);
        _old.Write(old);
        return _old.WrittenSpan;
    }

    private static void Clear(ref ArrayBufferWriter<byte> buffer)
    {
        if (buffer.Capacity > KeptBytesMax) buffer = new();
        else buffer.ResetWrittenCount();
    }
}
