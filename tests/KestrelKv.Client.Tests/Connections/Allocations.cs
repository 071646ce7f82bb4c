using System.Buffers;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>A program that prints the managed memory that calls allocate.</summary>
internal static class Allocations
{
    private const int WarmUpRounds = 200;
    private const int Rounds = 200;

    /// <summary>Runs the program: its arguments are the server's port, the length of the values in bytes, and the number of writes and of reads in flight.</summary>
    /// <exception cref="InvalidOperationException">The calls allocated memory.</exception>
    public static async Task RunAsync(int[] numbers)
    {
        await using var client = new KestrelKvClient(new KestrelKvClientOptions { Port = numbers[0] });
        int inFlight = numbers[2];
        byte[] json = [(byte)'"', .. new string('x', numbers[1] - 2).Select(character => (byte)character), (byte)'"'];
        ArrayBufferWriter<byte>[] written = [.. Enumerable.Range(0, inFlight).Select(_ => new ArrayBufferWriter<byte>(json.Length))];
        var writes = new ValueTask<WriteResult>[inFlight];
        var reads = new ValueTask<Entry<int>>[inFlight];

        await CallAsync(WarmUpRounds);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        await CallAsync(Rounds);
        double bytes = (GC.GetTotalAllocatedBytes(precise: true) - before) / (2.0 * Rounds * inFlight);
        Console.WriteLine($"{bytes:N1} bytes per call");

        // The runtime may allocate a little on any thread.
        if (bytes > 8) throw new InvalidOperationException($"A call allocated {bytes:N1} bytes, expected none.");

        async Task CallAsync(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
#pragma warning disable CA2012 // Each is awaited once, below.
                for (int i = 0; i < inFlight; i++) writes[i] = client.PutUtf8Async("key", json);
                for (int i = 0; i < inFlight; i++)
                {
                    written[i].ResetWrittenCount();
                    reads[i] = client.GetUtf8Async("key", written[i]);
                }
#pragma warning restore CA2012
                for (int i = 0; i < inFlight; i++) await writes[i];
                for (int i = 0; i < inFlight; i++) await reads[i];
            }
        }
    }
}
