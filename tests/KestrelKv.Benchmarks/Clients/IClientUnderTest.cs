namespace KestrelKv.Benchmarks.Clients;

/// <summary>A client object, connected to its server.</summary>
internal interface IClientUnderTest : IAsyncDisposable
{
    /// <summary>Calls that write the values of <see cref="ClientData"/>, by the names in <see cref="ClientCall"/>.</summary>
    IReadOnlyDictionary<string, ICallUnderTest> Writes { get; }

    /// <summary>Calls that read them.</summary>
    IReadOnlyDictionary<string, ICallUnderTest> Reads { get; }
}
