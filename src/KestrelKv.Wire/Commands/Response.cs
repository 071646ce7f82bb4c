using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The response object of a request, as text in two parts: what comes first is known last.</summary>
/// <param name="room">What is reserved for it, and what counts it; null for neither.</param>
public sealed class Response(ReplyRoom? room = null) : IDisposable
{
    /// <summary>How it begins.</summary>
    public TextBuffer Head { get; } = new();

    /// <summary>How it continues.</summary>
    public TextBuffer Body { get; } = new(room?.Budget);

    internal ReplyRoom? Room => room;

    /// <inheritdoc/>
    public void Dispose()
    {
        Head.Dispose();
        Body.Dispose();
    }
}
