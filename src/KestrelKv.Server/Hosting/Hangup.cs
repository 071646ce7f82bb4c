using System.Runtime.InteropServices;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Ignores SIGHUP, which a closed terminal and some log rotations send: by default it ends a process at once, without a
/// clean stop.
/// </summary>
internal static class Hangup
{
    /// <returns>Ends the ignoring when disposed of.</returns>
    public static IDisposable Ignore() => PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true);
}
