namespace KestrelKv.Json.Tests;

/// <summary>How the plain implementation says that an edit can't be done.</summary>
internal sealed class RefusedException(EditStatus status) : Exception
{
    public EditStatus Status { get; } = status;

    public static RefusedException NoPath() => new(EditStatus.PathNotFound);
}
