using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Transport.Tests;

/// <summary>Echoes received bytes, and uses the pipes at random in every way that a handler may.</summary>
internal static class Echo
{
    /// <summary>Serves until the client has sent all bytes or has disconnected.</summary>
    /// <returns>The number of turns.</returns>
    public static async Task<int> ServeAsync(ConnectionContext connection, Random random)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        for (int turn = 1; ; turn++)
        {
            if (random.Next(4) == 0) await Task.Yield();
            ReadResult? read = await ReadAsync(input, random);
            if (read is not { Buffer: var buffer, IsCompleted: var isCompleted }) continue;

            // The last bytes are all sent. Before that, all may wait for more.
            long count = isCompleted || random.Next(2) == 0 ? buffer.Length : random.NextInt64(buffer.Length + 1);
            foreach (ReadOnlyMemory<byte> piece in buffer.Slice(0, count)) output.Write(piece.Span);
            SequencePosition consumed = buffer.GetPosition(count);
            input.AdvanceTo(consumed, random.Next(2) == 0 ? buffer.End : consumed);
            if ((isCompleted || random.Next(3) > 0) && (await output.FlushAsync()).IsCompleted) return turn;
            if (isCompleted) return turn;
        }
    }

    private static async ValueTask<ReadResult?> ReadAsync(PipeReader input, Random random)
    {
        switch (random.Next(8))
        {
            case 0:
                return input.TryRead(out ReadResult available) ? available : null;
            case 1:
                input.CancelPendingRead();
                return await input.ReadAsync();
            case 2:
                _ = Task.Run(input.CancelPendingRead);
                return await input.ReadAsync();
            case 3:
                using (var source = new CancellationTokenSource())
                {
                    Task canceling = Task.Run(source.Cancel);
                    try
                    {
                        return await input.ReadAsync(source.Token);
                    }
                    catch (OperationCanceledException)
                    {
                        return null;
                    }
                    finally
                    {
                        await canceling;
                    }
                }
            default:
                return await input.ReadAsync();
        }
    }
}
