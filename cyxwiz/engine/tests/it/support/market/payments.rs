use connectrpc::{RequestContext, Response, ServiceRequest, ServiceResult};
use cyxwiz_proto::v1::{
    GetPlatformRequest, GetPlatformResponse, ListPaymentsRequest, ListPaymentsResponse, PaymentService,
};

use super::{Shared, now};

#[expect(refining_impl_trait, reason = "nobody names these types")]
impl PaymentService for Shared {
    async fn get_platform(
        &self,
        _: RequestContext,
        _: ServiceRequest<'_, GetPlatformRequest>,
    ) -> ServiceResult<GetPlatformResponse> {
        let mut platform = self.state().platform.clone();
        if !platform.now.is_set() {
            platform.now = now().into();
        }
        Response::ok(platform)
    }

    async fn list_payments(
        &self,
        context: RequestContext,
        _: ServiceRequest<'_, ListPaymentsRequest>,
    ) -> ServiceResult<ListPaymentsResponse> {
        self.caller(&context)?;
        Response::ok(ListPaymentsResponse::default())
    }
}
