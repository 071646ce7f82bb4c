namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// A request in a compact form, from which its bytes can be generated again. The digits of its value start at an offset of the prepared
/// digits.
/// </summary>
internal readonly record struct LoadRequest(int Key, bool IsPut, int DigitsAt);
