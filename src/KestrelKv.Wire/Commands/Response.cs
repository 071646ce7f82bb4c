using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The response object of a request, as text in two parts, because its beginning is known last.</summary>
/// <param name="room">The reservation for the response, with the budget that counts it; null for neither.</param>
public sealed class Response(ReplyRoom? room = null) : IDisposable
{
    /// <summary>The beginning of the text.</summary>
    public TextBuffer Head { get; } = new();

    /// <summary>The text after <see cref="Head"/>.</summary>
    public TextBuffer Body { get; } = new(room?.Budget);

    internal ReplyRoom? Room => room;

    /// <inheritdoc/>
    public void Dispose()
    {
        Head.Dispose();
        Body.Dispose();
    }
}
