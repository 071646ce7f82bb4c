namespace KestrelKv.Cli.Bench;

/// <summary>The function of a request.</summary>
internal enum BenchFunction
{
    Get,
    Put,

    /// <summary>A PUT that does not wait for the sync, to prepare the keys.</summary>
    Fill,

    /// <summary>A DELETE that does not wait for the sync, to remove the keys.</summary>
    Remove,
}

/// <summary>A request, from which its frame and the expected reply are written.</summary>
internal readonly record struct BenchRequest(BenchFunction Function, int Key);
