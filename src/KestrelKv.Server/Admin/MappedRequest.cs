using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>The wire request for an HTTP request. It refers to memory that <see cref="Dispose"/> returns.</summary>
internal sealed class MappedRequest(in Request request, IDisposable text) : IDisposable
{
    private readonly Request[] _one = [request];

    /// <summary>The request.</summary>
    public ReadOnlyMemory<Request> One => _one;

    /// <summary>The error if the request is invalid; otherwise null.</summary>
    public ProtocolError? Error => _one[0].Error;

    /// <summary>The optional parameters.</summary>
    public RequestOptions Options => _one[0].Options ?? RequestOptions.None;

    /// <summary>The key; empty if the request has none.</summary>
    public string Key { get; init; } = "";

    /// <summary>The preconditions of a read, or those of a write that one wire precondition cannot express.</summary>
    public Conditions Conditions { get; init; }

    public void Dispose() => text.Dispose();
}
