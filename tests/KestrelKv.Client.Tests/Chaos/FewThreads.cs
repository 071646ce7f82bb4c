namespace KestrelKv.Client.Tests.Chaos;

/// <summary>A program with many concurrent callers of one client and two threads.</summary>
internal static class FewThreads
{
    private const int PutsEach = 2;

    /// <summary>Runs the program: its arguments are the server's port, the number of callers, and the milliseconds that some continuations block.</summary>
    public static async Task RunAsync(int[] numbers)
    {
        if (!ThreadPool.SetMinThreads(1, 1) || !ThreadPool.SetMaxThreads(2, 2)) throw new InvalidOperationException("The thread pool has more threads.");
        await using var client = new KestrelKvClient(RestartableServer.Options(numbers[0]));
        await Task.WhenAll(Enumerable.Range(0, numbers[1]).Select(caller => CallAsync(client, caller, numbers[2])));
        long sum = (await client.GetAsync<long>("sum")).Value;
        if (sum != numbers[1]) throw new InvalidOperationException($"The sum is {sum}, expected {numbers[1]}.");
        if (client.CallsInProgress != 0) throw new InvalidOperationException($"{client.CallsInProgress} calls remain.");
        Console.WriteLine($"{numbers[1]} callers, {ThreadPool.ThreadCount} threads");
    }

    private static async Task CallAsync(KestrelKvClient client, int caller, int blockedMilliseconds)
    {
        string key = $"v:{caller}";
        for (int i = 0; i < PutsEach; i++)
        {
            await client.PutAsync(key, i);

            // Some callers block one of the two threads for a moment, as careless programs do.
            if (blockedMilliseconds > 0 && caller % 10 == 0) Thread.Sleep(blockedMilliseconds);
            Entry<int> entry = await client.GetAsync<int>(key);
            if (entry.Value != i) throw new InvalidOperationException($"{key} is {entry.Value}, expected {i}.");
        }
        await client.IncrementAsync("sum");
    }
}
