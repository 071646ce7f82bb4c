using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KestrelKv.Cli.Output;

/// <summary>The progress of a scan or a transfer. It is displayed if standard error is a terminal. One thread updates it.</summary>
/// <param name="terminal">The terminal.</param>
/// <param name="unit">What is counted, such as <c>keys</c>.</param>
internal sealed class ProgressDisplay(Terminal terminal, string unit)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _countBefore;
    private double _doneBefore;

    public long Count { get; set; }

    /// <summary>The expected count; 0 if it is unknown.</summary>
    public long Total { get; set; }

    public long Bytes { get; set; }

    /// <summary>The part that is done, from 0 to 1; null if the total is unknown. By default, that of the count.</summary>
    public double? Done
    {
        get => field ?? (Total > 0 ? Math.Min(1, (double)Count / Total) : null);
        set;
    }

    /// <summary>A further text, such as the lag of a copy.</summary>
    public string Note { get; set; } = "";

    /// <summary>Whether the progress is displayed.</summary>
    public bool IsVisible => terminal is { IsErrorTerminal: true, IsDumb: false };

    /// <summary>Begins to measure the rate and the time left, from the current position, which an earlier run has reached.</summary>
    public void Start()
    {
        (_countBefore, _doneBefore) = (Count, Done ?? 0);
        _clock.Restart();
    }

    /// <summary>Writes a line to standard error, above the progress.</summary>
    public void Report(string message)
    {
        if (IsVisible) terminal.Err.WriteLine(DisplayText.Of($"kkv: {message}"));
        else terminal.WriteMessage($"kkv: {message}");
    }

    /// <summary>Executes work, and displays its progress.</summary>
    public async Task RunAsync(string title, Func<Task> work)
    {
        if (!IsVisible)
        {
            await work();
            return;
        }
        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn { Width = 16 }, new FiguresColumn(this)];
        Progress display = terminal.Err.Progress().AutoClear(true).Columns(columns);
        await display.StartAsync(async context =>
        {
            ProgressTask task = context.AddTask(title, maxValue: 1);
            Task running = work();
            while (!running.IsCompleted)
            {
                task.IsIndeterminate = Done is null;
                task.Value = Done ?? 0;
                await Task.WhenAny(running, Task.Delay(Interval));
            }
            await running;
        });
    }

    /// <summary>Returns the figures: count, bytes, rate and time left.</summary>
    public override string ToString()
    {
        double seconds = Math.Max(_clock.Elapsed.TotalSeconds, 0.001);
        string total = Total > 0 ? $" of {Figures.Count(Math.Max(Count, Total))}" : "";
        string text = $"{Figures.Count(Count)}{total} {unit}, {Figures.Bytes(Bytes)}, {Figures.Count((Count - _countBefore) / seconds)} {unit}/s";
        if (Done is { } done && done > _doneBefore)
            text += $", {Figures.Time(TimeSpan.FromSeconds(seconds * (1 - done) / (done - _doneBefore)))} left";
        return Note.Length > 0 ? $"{text}, {Note}" : text;
    }

    private sealed class FiguresColumn(ProgressDisplay progress) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(progress.ToString());
    }
}
