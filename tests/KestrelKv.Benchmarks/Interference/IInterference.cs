namespace KestrelKv.Benchmarks.Interference;

/// <summary>Work that runs beside the load. <see cref="IDisposable.Dispose"/> ends it, and throws if it has failed.</summary>
internal interface IInterference : IDisposable
{
    /// <summary>The amount of work done so far, in the unit of the <see cref="Interferer"/>.</summary>
    long Done { get; }
}
