namespace KestrelKv.Benchmarks.Interference;

/// <summary>What somebody does meanwhile. To dispose of it ends it; that fails where it has failed before.</summary>
internal interface IInterference : IDisposable
{
    /// <summary>How much was done so far: requests, or what else it consists of.</summary>
    long Done { get; }
}
