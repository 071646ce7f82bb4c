namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// The process died during a call to the disk. Not an <see cref="IOException"/>, because the code under test may handle those.
/// </summary>
internal sealed class SimulatedCrashException() : Exception("The simulated process died.");
