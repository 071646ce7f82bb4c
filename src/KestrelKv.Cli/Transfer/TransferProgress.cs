using System.Diagnostics;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KestrelKv.Cli.Transfer;

/// <summary>The progress of a transfer. It is displayed if standard error is a terminal. One thread updates it.</summary>
/// <param name="terminal">The terminal.</param>
/// <param name="unit">What is counted, such as <c>keys</c>.</param>
internal sealed class TransferProgress(Terminal terminal, string unit)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _countBefore;
    private double _doneBefore;

    public long Count { get; set; }

    public long Bytes { get; set; }

    /// <summary>The part that is done, from 0 to 1; null if the total is unknown.</summary>
    public double? Done { get; set; }

    /// <summary>A further text, such as the lag of a copy.</summary>
    public string Note { get; set; } = "";

    /// <summary>Whether the progress is displayed.</summary>
    public bool IsVisible => terminal.IsErrorTerminal;

    /// <summary>Starts at a position that an earlier run has reached, for the rate and the time left.</summary>
    public void StartAt(long count, double done) => (Count, _countBefore, _doneBefore) = (count, count, done);

    /// <summary>Writes a line to standard error, above the progress.</summary>
    public void Report(string message)
    {
        if (IsVisible) terminal.Err.WriteLine($"kkv: {message}");
        else terminal.Error.WriteLine($"kkv: {message}");
    }

    /// <summary>Executes work, and displays its progress.</summary>
    public async Task RunAsync(string title, Func<Task> work)
    {
        if (!IsVisible)
        {
            await work();
            return;
        }
        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn { Width = 16 }, new Figures(this)];
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
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{Count:N0} {unit}, {Bytes / 1048576.0:N1} MiB, {(Count - _countBefore) / seconds:N0} {unit}/s");
        if (Done is { } done && done > _doneBefore)
            text += $", {TimeSpan.FromSeconds(Math.Round(seconds * (1 - done) / (done - _doneBefore))):c} left";
        return Note.Length > 0 ? $"{text}, {Note}" : text;
    }

    private sealed class Figures(TransferProgress progress) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Spectre.Console.Text(progress.ToString());
    }
}
