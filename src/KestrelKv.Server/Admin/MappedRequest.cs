using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>The request that an HTTP request stands for. It lies in memory that is given back when this is disposed of.</summary>
internal sealed class MappedRequest(in Request request, IDisposable text) : IDisposable
{
    private readonly Request[] _one = [request];

    /// <summary>The request.</summary>
    public ReadOnlyMemory<Request> One => _one;

    /// <summary>Why it is refused; null where it is not.</summary>
    public ProtocolError? Error => _one[0].Error;

    /// <summary>What it asks for beyond the plainest.</summary>
    public RequestOptions Options => _one[0].Options ?? RequestOptions.None;

    /// <summary>The key, where there is one.</summary>
    public string Key { get; init; } = "";

    /// <summary>The conditions that take more than one precondition.</summary>
    public Conditions Conditions { get; init; }

    public void Dispose() => text.Dispose();
}
