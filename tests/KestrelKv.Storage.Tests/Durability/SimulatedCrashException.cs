namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// The process has died in the middle of a call to the disk. No <see cref="IOException"/>, for which code under test may
/// be prepared: nobody outlives this one.
/// </summary>
internal sealed class SimulatedCrashException() : Exception("The process died here.");
