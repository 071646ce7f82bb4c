using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The result of a request on one key, for the headers and body of the response.</summary>
/// <param name="valueRoom">The memory reservation for the value; null to discard the value.</param>
internal sealed class KeyResult(ReplyRoom? valueRoom = null) : IKeyResultSink, IDisposable
{
    /// <summary>Whether a GET found the key and the path in its value, or a write found an existing key.</summary>
    public bool Found { get; private set; }

    /// <summary>The version of the entry, or of the change.</summary>
    public long Version { get; private set; }

    /// <summary>The expiry of the entry, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The length of the value in bytes.</summary>
    public int ValueBytes { get; private set; }

    /// <summary>The value; empty if it is discarded or does not fit the reservation.</summary>
    public TextBuffer Value { get; } = new(valueRoom?.Budget);

    /// <inheritdoc/>
    public void Begin() => Value.Truncate(0);

    /// <inheritdoc/>
    public void Add(in Request request, in OperationResult result)
    {
        Found = request.Function == Function.Get ? result.Status == ResultStatus.Done : result.PreviousVersion != 0;
        Version = result.Version;
        ExpiresAt = result.ExpiresAt;
        ValueBytes = result.Value.Length;
        if (valueRoom is not null && (ValueBytes <= ReplyWriter.SmallBytesMax || valueRoom.HasRoomFor(ValueBytes)))
            Value.Write(result.Value);
    }

    public void Dispose() => Value.Dispose();
}
