namespace KestrelKv.Benchmarks.Loads;

/// <summary>Clients that do not keep their connections.</summary>
/// <param name="Load">The server, how many clients there are, and what they ask. Each makes one call at a time.</param>
/// <param name="CallsPerConnection">How many calls a client makes on a connection before it closes it.</param>
/// <param name="Close">How it closes it.</param>
internal sealed record CallOptions(LoadOptions Load, int CallsPerConnection, CloseKind Close);
