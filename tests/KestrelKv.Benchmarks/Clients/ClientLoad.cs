namespace KestrelKv.Benchmarks.Clients;

/// <summary>How calls are made.</summary>
internal enum ClientLoad
{
    /// <summary><see cref="ICallUnderTest.RunCallersAsync"/>.</summary>
    Callers,

    /// <summary><see cref="ICallUnderTest.RunRoundsAsync"/>.</summary>
    Rounds,

    /// <summary><see cref="ICallUnderTest.RunPacedAsync"/>.</summary>
    Paced,
}
