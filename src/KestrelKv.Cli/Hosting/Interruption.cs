using System.Runtime.InteropServices;

namespace KestrelKv.Cli.Hosting;

/// <summary>
/// Ctrl-C of a command that runs another program on its terminal: it cancels the command, except while that program runs. The program receives the
/// same signal, and decides what it means.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration _signal;
    private volatile bool _isIgnored;

    public Interruption() => _signal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);

    /// <summary>Is canceled by Ctrl-C.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Waits for work during which Ctrl-C has no effect on the command.</summary>
    public async Task IgnoreDuringAsync(Func<Task> work)
    {
        _isIgnored = true;
        try
        {
            await work();
        }
        finally
        {
            _isIgnored = false;
        }
    }

    /// <summary>Cancels the command, because Ctrl-C ended the other program.</summary>
    /// <exception cref="OperationCanceledException">In all cases.</exception>
    public void Stop()
    {
        _stop.Cancel();
        _stop.Token.ThrowIfCancellationRequested();
    }

    public void Dispose()
    {
        _signal.Dispose();
        _stop.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_isIgnored) _stop.Cancel();
    }
}
