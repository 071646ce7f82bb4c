using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The response object of a request, as text in two parts: what comes first is known last.</summary>
public sealed class Response : IDisposable
{
    /// <summary>How it begins.</summary>
    public TextBuffer Head { get; } = new();

    /// <summary>How it continues.</summary>
    public TextBuffer Body { get; } = new();

    /// <inheritdoc/>
    public void Dispose()
    {
        Head.Dispose();
        Body.Dispose();
    }
}
