using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>How steps are asked for.</summary>
internal enum CallForm
{
    /// <summary>One step, as a function of its own.</summary>
    Lone,

    /// <summary>GETs, as one MGET.</summary>
    MGet,

    /// <summary>Any steps, as one BATCH.</summary>
    Batch,
}

/// <summary>What a server has replied to a call.</summary>
/// <param name="Version">The version of the commit, 0 where nothing was changed; null where it does not tell.</param>
/// <param name="Steps">What it tells of each step; none where it was refused.</param>
internal sealed record CallReply(long? Version, IReadOnlyList<StepReply> Steps)
{
    /// <summary>Which step's precondition did not hold; null where all did.</summary>
    public int? RefusedAt { get; init; }

    /// <summary>The version of the entry whose precondition did not hold; 0 for no entry.</summary>
    public long CurrentVersion { get; init; }
}

/// <summary>One call of a history: what was asked, what was replied, and when.</summary>
internal sealed class Call(CallForm form, params Step[] steps)
{
    public CallForm Form { get; } = form;

    public IReadOnlyList<Step> Steps { get; } = steps;

    /// <summary>The connection that it was sent on, which executes its calls in their order; null where it was sent on more than one.</summary>
    public int? Connection { get; set; }

    /// <summary>It has taken effect, if at all, not before this time.</summary>
    public long Invoked { get; set; }

    /// <summary>It has taken effect, if at all, before this time.</summary>
    public long Returned { get; set; } = long.MaxValue;

    /// <summary>Null where none came: then nobody knows whether the call was executed.</summary>
    public CallReply? Reply { get; set; }

    /// <summary>What it was sent with to be recognized when it is sent again.</summary>
    public string? RequestId { get; init; }

    /// <summary>The request as it was sent, or a name for it.</summary>
    public string RequestText { get; set; } = "";

    /// <summary>The reply as it came.</summary>
    public string ReplyText { get; set; } = "no reply";

    /// <summary>Whether it may change something.</summary>
    public bool Writes => Steps.Any(step => step.Kind != StepKind.Get);

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Microseconds(Invoked)} to {Microseconds(Returned)} us, connection {Connection?.ToString(CultureInfo.InvariantCulture) ?? "?"}: {RequestText} -> {ReplyText}");

    private static string Microseconds(long timestamp) => timestamp == long.MaxValue
        ? "?"
        : (timestamp * 1_000_000.0 / Stopwatch.Frequency).ToString("F1", CultureInfo.InvariantCulture);
}
