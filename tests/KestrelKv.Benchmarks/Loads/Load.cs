using System.Diagnostics;

namespace KestrelKv.Benchmarks.Loads;

internal sealed class Load : IDisposable
{
    private const int Seed = 1;

    private readonly LoadOptions _options;
    private readonly LoadRandom _random = new(Seed);
    private readonly KeyChoice _keys;
    private readonly LoadLoop _loop;

    public Load(LoadOptions options)
    {
        _options = options;
        _keys = new KeyChoice(options, _random);
        _loop = new LoadLoop(options, new LoadScratch(options, _random));
    }

    public void Dispose() => _loop.Dispose();

    public Task FillAsync() => RunAsync(new FillRounds(_options, _random), new LatencyHistogram());

    /// <summary>
    /// Loads the server for a number of seconds, closed loop: each client sends its next requests when its last ones are answered.
    /// </summary>
    public Task<LoadResult> RunAsync(double seconds) => MeasureAsync(new RandomRounds(_options, _keys, _random, seconds));

    /// <summary>Loads the server for a number of seconds, open loop.</summary>
    /// <inheritdoc cref="RandomRounds"/>
    public Task<LoadResult> RunPacedAsync(double perSecond, double seconds) =>
        MeasureAsync(new RandomRounds(_options, _keys, _random, seconds, perSecond));

    /// <summary>Loads the server for a number of seconds, open loop, and returns the times of each round.</summary>
    /// <inheritdoc cref="RandomRounds"/>
    public async Task<IReadOnlyList<(long Due, long Answered)>> RunPacedRoundsAsync(double perSecond, double seconds)
    {
        var times = new RoundTimes((int)(perSecond * seconds / _options.InFlight) + 1);
        await RunAsync(new RandomRounds(_options, _keys, _random, seconds, perSecond), times);
        return times.Rounds;
    }

    private async Task<LoadResult> MeasureAsync(RandomRounds rounds)
    {
        var latencies = new LatencyHistogram();
        long start = Stopwatch.GetTimestamp();
        await RunAsync(rounds, latencies);
        return LoadResult.Of(latencies, Stopwatch.GetElapsedTime(start, latencies.LastAnswered).TotalSeconds);
    }

    private Task RunAsync(IRounds rounds, IRoundLog log)
    {
        void Run()
        {
            TimerSlack.Minimize();
            _loop.Run(rounds, log);
        }
        return Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }
}
