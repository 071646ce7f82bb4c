namespace KestrelKv.Storage.Tests.Documents;

/// <summary>How the plain implementation says that an edit can't be done.</summary>
internal sealed class RefusedException(ResultStatus status) : Exception
{
    public ResultStatus Status { get; } = status;

    public static RefusedException NoPath() => new(ResultStatus.PathNotFound);
}
