using KestrelKv.Storage.Durability;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A program to be measured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="SnapshotMode">The mode in which it starts from a snapshot, where there is one.</param>
/// <param name="Start">Starts it; <see cref="Readiness"/> tells when it answers.</param>
internal sealed record ServerKind(string Name, DurabilityMode SnapshotMode, Func<ServerSetup, IServer> Start);
