using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>The request that an HTTP request stands for, as slices of memory that <see cref="Dispose"/> returns.</summary>
internal sealed class MappedRequest(in Request request, IDisposable text) : IDisposable
{
    private readonly Request[] _one = [request];

    /// <summary>The request.</summary>
    public ReadOnlyMemory<Request> One => _one;

    /// <summary>The error if it is refused; otherwise null.</summary>
    public ProtocolError? Error => _one[0].Error;

    /// <summary>Its optional parameters.</summary>
    public RequestOptions Options => _one[0].Options ?? RequestOptions.None;

    /// <summary>The key, if there is one.</summary>
    public string Key { get; init; } = "";

    /// <summary>The conditions that take more than one precondition.</summary>
    public Conditions Conditions { get; init; }

    public void Dispose() => text.Dispose();
}
