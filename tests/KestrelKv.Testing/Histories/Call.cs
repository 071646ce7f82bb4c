using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Testing.Histories;

/// <summary>How steps are sent.</summary>
internal enum CallForm
{
    /// <summary>One step, as an unbatched command.</summary>
    Unbatched,

    /// <summary>Several GETs as one MGET.</summary>
    MGet,

    /// <summary>Any steps as one BATCH.</summary>
    Batch,
}

/// <summary>The reply of a server to a call.</summary>
/// <param name="Version">The version of the commit; 0 if nothing was changed; null if the reply has none.</param>
/// <param name="Steps">The replies to the steps; empty if the call was refused.</param>
internal sealed record CallReply(long? Version, IReadOnlyList<StepReply> Steps)
{
    /// <summary>The index of the step whose precondition did not hold; null if all held.</summary>
    public int? RefusedAt { get; init; }

    /// <summary>The version of the entry whose precondition did not hold; 0 for no entry.</summary>
    public long CurrentVersion { get; init; }
}

/// <summary>One call of a history: request, reply and times.</summary>
internal sealed class Call(CallForm form, params Step[] steps)
{
    public CallForm Form { get; } = form;

    public IReadOnlyList<Step> Steps { get; } = steps;

    /// <summary>The connection that it was sent on, which executes its calls in order; null if it was sent on more than one.</summary>
    public int? Connection { get; set; }

    /// <summary>The time before which the call cannot have taken effect.</summary>
    public long Invoked { get; set; }

    /// <summary>The time after which the call cannot take effect.</summary>
    public long Returned { get; set; } = long.MaxValue;

    /// <summary>The reply; null if none arrived, in which case the call may or may not have been executed.</summary>
    public CallReply? Reply { get; set; }

    /// <summary>The request id of a call that is retried.</summary>
    public string? RequestId { get; init; }

    /// <summary>The request as it was sent, or a name for it.</summary>
    public string RequestText { get; set; } = "";

    public string ReplyText { get; set; } = "no reply";

    public bool Writes => Steps.Any(step => step.Kind != StepKind.Get);

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Microseconds(Invoked)} to {Microseconds(Returned)} us, connection {Connection?.ToString(CultureInfo.InvariantCulture) ?? "?"}: {RequestText} -> {ReplyText}");

    private static string Microseconds(long timestamp) => timestamp == long.MaxValue
        ? "?"
        : (timestamp * 1_000_000.0 / Stopwatch.Frequency).ToString("F1", CultureInfo.InvariantCulture);
}
