using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>The result of a request on one key, for an answer that has it in its headers and its body.</summary>
/// <param name="valueRoom">Room for the value; null if it is not kept.</param>
internal sealed class KeyResult(ReplyRoom? valueRoom = null) : IKeyResultSink, IDisposable
{
    /// <summary>Whether there is, or was, such a key, and in its value what was asked for.</summary>
    public bool Found { get; private set; }

    /// <summary>The version of the entry, or of the change.</summary>
    public long Version { get; private set; }

    /// <summary>When the entry expires, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The value's length.</summary>
    public int ValueBytes { get; private set; }

    /// <summary>The value, if it is kept.</summary>
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
        if (valueRoom is not null && (ValueBytes <= ReplyWriter.SmallBytesMax || valueRoom.HasRoomFor(ValueBytes))) Value.Write(result.Value);
    }

    public void Dispose() => Value.Dispose();
}
