using System.Runtime.CompilerServices;
using System.Threading.Channels;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Watching;

/// <summary>A watch whose events a test sends.</summary>
internal sealed class WatchFeed
{
    private readonly Channel<(WatchEvent<int> Event, TaskCompletionSource Applied)> _events = Channel.CreateUnbounded<(WatchEvent<int>, TaskCompletionSource)>();

    /// <summary>Canceled when the reader stops.</summary>
    public CancellationToken Stop { get; private set; }

    /// <summary>Sends events. Returns once the reader has applied all of them, because it asks for the next one.</summary>
    public async Task SendAsync(params WatchEvent<int>[] events)
    {
        foreach (WatchEvent<int> e in events)
        {
            var applied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Assert.True(_events.Writer.TryWrite((e, applied)));
            await applied.Task.WaitAsync(Wait.Patience);
        }
    }

    /// <summary>Makes the watch fail.</summary>
    public void Fail(Exception error) => _events.Writer.Complete(error);

    public async IAsyncEnumerable<WatchEvent<int>> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Stop = cancellationToken;
        await foreach ((WatchEvent<int> e, TaskCompletionSource applied) in _events.Reader.ReadAllAsync(cancellationToken))
        {
            yield return e;
            applied.SetResult();
        }
    }
}
