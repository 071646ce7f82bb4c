namespace KestrelKv.Benchmarks.Loads;

/// <summary>A request, from which its bytes can be made as often as they are needed.</summary>
/// <param name="Key">The number of its key.</param>
/// <param name="IsPut">Otherwise it is a get.</param>
/// <param name="DigitsAt">Where in the prepared digits those of its value begin.</param>
internal readonly record struct LoadRequest(int Key, bool IsPut, int DigitsAt);
